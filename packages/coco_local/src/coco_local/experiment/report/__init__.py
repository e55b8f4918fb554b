"""What an experiment's results say: figures, differences, and a page that shows both."""
