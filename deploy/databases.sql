-- Run once, by PostgreSQL's image: an operational database for each machine, and the catalog that they share.
CREATE DATABASE north;
CREATE DATABASE south;
CREATE DATABASE warehouse;
