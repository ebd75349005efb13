"""What the worker does: it sends the mails that wait, and runs the jobs that come round
again and again.
"""
