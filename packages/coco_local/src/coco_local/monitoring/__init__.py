"""What goes on in the daemon, for people to look at: jobs, and what it did lately."""
