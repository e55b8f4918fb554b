"""Scan: which files of a directory are indexed, and why the others are not."""

from coco_local.scan.content import refuse_content
from coco_local.scan.listing import FileStat, Listing
from coco_local.scan.project import ProjectScan
from coco_local.scan.reasons import SEARCHED_AS_TEXT, Decision, Reason
from coco_local.scan.secrets import refuse_secret_file

__all__ = [
    "SEARCHED_AS_TEXT",
    "Decision",
    "FileStat",
    "Listing",
    "ProjectScan",
    "Reason",
    "refuse_content",
    "refuse_secret_file",
]
