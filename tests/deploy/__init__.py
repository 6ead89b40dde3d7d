"""What runs millstream elsewhere: images, compose, Kubernetes, dashboards."""
