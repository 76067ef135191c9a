//! Every span, metric and field name in one place.
