"""Wire: how values and times are spelled in JSON, the same for all systems. Pure."""
