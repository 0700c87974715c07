//! Engine 1, the rules: factors, guardrails, and the decision that joins them.
