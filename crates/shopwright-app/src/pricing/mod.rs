//! Pricing at work: refresh decides, live serves, settings steer.

mod live;
mod price_events;
pub(crate) mod promotion_end;
mod refresh;
mod refresher;
mod settings;

pub use live::{LivePrice, LivePrices, Render};
pub use refresh::{Refreshed, StoreZone, refresh_prices, replay};
pub use refresher::keep_refreshing;
pub use settings::{
    PolicyChangeError, PolicyScope, PromotionError, StartPromotion, clear_policy, effective_policy,
    end_promotion, set_freeze, set_policy, start_promotion,
};
