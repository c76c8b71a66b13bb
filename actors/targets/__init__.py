"""Where events are delivered to: a module for each kind of target."""
