// The page of folders: rows that follow the looking through each.

import { Rows } from "./rows.js";

new Rows(document.getElementById("rows"));
