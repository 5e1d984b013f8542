// The page of web sites: rows that follow each site's reading, and the fields that its reach needs.

import { Rows } from "./rows.js";

new Rows(document.getElementById("rows"));

const reach = document.getElementById("reach");
const show = () => {
  for (const field of document.querySelectorAll("[data-for]")) {
    field.hidden = !field.dataset.for.split(" ").includes(reach.value);
  }
};
reach?.addEventListener("change", show);
if (reach) show();
