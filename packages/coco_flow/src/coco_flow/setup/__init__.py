"""Set-up and removal of targets."""
