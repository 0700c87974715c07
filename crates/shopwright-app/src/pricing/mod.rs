//! Pricing at work: refresh decides, live serves, settings steer.

mod live;
mod price_events;
pub(crate) mod promotion_end;
mod promotions;
mod refresh;
mod refresher;
mod settings;

pub use live::{LivePrices, PricesAt, Render};
pub use promotions::{
    PRIORITY_MAX, PromotionError, WantedPromotion, change_promotion, end_promotion, start_promotion,
};
pub use refresh::{Refreshed, StoreZone, refresh_prices, refresh_touched, replay};
pub use refresher::{keep_following_traffic, keep_refreshing};
pub(crate) use settings::fresh_hours_of;
pub use settings::{
    PolicyChangeError, PolicyScope, clear_policy, effective_policy, set_freeze, set_policy,
};
