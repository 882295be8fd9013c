"""What a single answer means, and when it counts. Pure: time is an argument."""
