"""What several tests need: servers, connections, tasks, and models to hold results against."""
