"""What outlives the process: series, instances, jobs and results, in a database and in files."""

from contour.store.data_folder import Store, StoreSettings
from contour.store.series_store import UploadLimits

__all__ = ["Store", "StoreSettings", "UploadLimits"]
