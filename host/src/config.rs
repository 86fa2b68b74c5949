//! The configuration of a run: which values are in force, and where each comes from.
