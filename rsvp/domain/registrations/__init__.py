"""Registrations: making one, giving up places, and what an organizer may do to one."""
