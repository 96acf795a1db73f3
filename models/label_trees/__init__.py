"""Label trees that come with the product, one YAML file for each data set."""
