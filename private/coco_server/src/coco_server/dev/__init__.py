"""`coco-server dev`: everything that server mode needs, on loopback."""
