"""Jobs: what the worker does. It delivers mail and runs recurring jobs."""
