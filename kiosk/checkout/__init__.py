"""The self-checkout machine: borrow and return."""
