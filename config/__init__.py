"""What a site and a technician decide: typed settings, and (later) the technician's tool."""
