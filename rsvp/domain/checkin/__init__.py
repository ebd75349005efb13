"""Check-in: what a scanned code is worth, and who is in.

Every scan is kept as it was made. Who is in follows from them: the scans of an attendee
that let somebody in or out, in order of time, without those that were undone. The
`check_ins` table holds what they come to, and is written here alone.
"""
