-- Earlier messages that were not put before the model for this answer, because they did not fit.
ALTER TABLE messages ADD COLUMN turns_left_out INTEGER NOT NULL DEFAULT 0;
