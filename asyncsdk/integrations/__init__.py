"""Bridges to other libraries, each with an extra of its own; none of them knows another one."""
