"""Which files of a directory belong into its index, and why the others do not."""

from coco_local.scan.content import refuse_content
from coco_local.scan.listing import FileStat, Listing
from coco_local.scan.project import ProjectScan
from coco_local.scan.reasons import Decision, Reason

__all__ = ["Decision", "FileStat", "Listing", "ProjectScan", "Reason", "refuse_content"]
