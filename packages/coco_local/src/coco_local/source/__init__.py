"""The files of projects as they are on disk now."""
