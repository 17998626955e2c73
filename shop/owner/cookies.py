"""The names of the owner's two cookies."""

SESSION = "owner"
KNOWN_DEVICE = "owner-device"  # somebody has signed in here: strangers' failures do not count
KNOWN_DEVICE_DAYS = 365
