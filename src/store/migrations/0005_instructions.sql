-- What an account tells the model that writes its answers; NULL where it is what the appliance tells.
ALTER TABLE accounts ADD COLUMN instructions TEXT;
