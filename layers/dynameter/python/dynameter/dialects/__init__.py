"""The wire forms: one package or module each. They map messages to the core's commands and hold no rule of it."""
