//! Outgoing webhooks by Standard Webhooks: endpoints with sealed secrets, signed deliveries, replay.

pub(crate) mod deliver;
mod endpoints;

pub use endpoints::{
    ChangeEndpoint, ENDPOINTS_MAX, EndpointError, NewEndpoint, OLD_SECRET_SIGNS, create_endpoint,
    replay_failed, rotate_secret, test_endpoint, update_endpoint,
};
