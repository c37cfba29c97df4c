"""pytest hooks only."""
