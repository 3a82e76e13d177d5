"""What a finished field becomes: colours, mesh, pictures, files."""
