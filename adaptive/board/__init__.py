"""A Linux board: sysfs zones, cpufreq policies, meters. Kernel units stop here."""
