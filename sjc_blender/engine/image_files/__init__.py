"""Image files, read and written, and their colours: sRGB and linear light."""
