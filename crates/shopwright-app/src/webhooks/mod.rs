//! Outgoing webhooks by Standard Webhooks: endpoints with sealed secrets, signed deliveries, replay.

pub(crate) mod deliver;
mod endpoints;
mod replay;

pub use endpoints::{
    ChangeEndpoint, ENDPOINTS_MAX, EndpointError, NewEndpoint, NewSecret, OLD_SECRET_SIGNS,
    change_endpoint, create_endpoint, delete_endpoint, rotate_secret, test_endpoint,
};
pub use replay::{REPLAY_MAX, ReplayError, Replayed, replay_delivery, replay_failed, retry_effect};
