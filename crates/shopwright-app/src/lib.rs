//! Operations and jobs.
