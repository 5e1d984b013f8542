// The page of tokens: copies the new secret.

const copy = document.getElementById("copy");

if (copy && navigator.clipboard) {
  copy.hidden = false;
  copy.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById("secret").textContent);
    copy.querySelector("span").textContent = copy.dataset.copied;
  });
}
