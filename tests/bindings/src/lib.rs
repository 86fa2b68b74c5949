//! Nothing but the test beside it, which needs tools that nothing else here needs.
