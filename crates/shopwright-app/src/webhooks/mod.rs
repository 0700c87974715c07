//! Outgoing webhooks by Standard Webhooks: endpoints with sealed secrets, signed deliveries, replay.

pub(crate) mod deliver;
mod endpoints;

pub use endpoints::{
    ChangeEndpoint, ENDPOINTS_MAX, EndpointError, NewEndpoint, OLD_SECRET_SIGNS,
    insert_endpoint_in, new_endpoint, new_secret, replay_failed, rotate_secret_in,
    test_endpoint_in, update_endpoint_in,
};
