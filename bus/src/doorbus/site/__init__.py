"""Who may do what at a site, and what proves who somebody is."""
