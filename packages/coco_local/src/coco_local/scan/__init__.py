"""Scan: which files of a directory are indexed, and why the others are not."""

from coco_local.scan.content import refuse_content
from coco_local.scan.listing import FileStat, Listing
from coco_local.scan.project import ProjectScan
from coco_local.scan.reasons import Decision, Reason

__all__ = ["Decision", "FileStat", "Listing", "ProjectScan", "Reason", "refuse_content"]
