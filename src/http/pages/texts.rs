//! The words of the pages, in English and French: one line a phrase, both languages side by side, so that neither can
//! be forgotten. What the use cases say (`app::Error::message`, a source's failure) comes as it is.

use crate::domain::extract::Unit;

/// Declares [`Texts`] with one field a phrase, and both languages' values.
macro_rules! texts {
    ($($name:ident: $english:literal, $french:literal;)*) => {
        /// Every phrase of the pages in one language. A `{}` is filled by [`say`].
        #[derive(Debug)]
        pub struct Texts {
            /// The language's tag, for `<html lang>`.
            pub lang: &'static str,
            $(pub $name: &'static str,)*
        }

        /// English.
        pub static ENGLISH: Texts = Texts { lang: "en", $($name: $english,)* };
        /// French.
        pub static FRENCH: Texts = Texts { lang: "fr", $($name: $french,)* };

        #[cfg(test)]
        const PAIRS: &[(&str, &str, &str)] = &[$((stringify!($name), $english, $french),)*];
    };
}

texts! {
    // Every page
    skip_to_content: "Skip to the content", "Aller au contenu";
    navigation: "Navigation", "Navigation";
    menu: "Menu", "Menu";
    close: "Close", "Fermer";
    cancel: "Cancel", "Annuler";
    copy: "Copy", "Copier";
    copied: "Copied", "Copié";
    loading: "Loading…", "Chargement…";
    previous: "Previous", "Précédent";
    next: "Next", "Suivant";
    pages: "Pages", "Pages";
    title: "Title", "Titre";
    text: "Text", "Texte";
    new_question: "New question", "Nouvelle question";
    documents: "Documents", "Documents";
    earlier_questions: "Earlier questions", "Questions précédentes";
    api_tokens: "API tokens", "Jetons d’API";
    sign_out: "Sign out", "Se déconnecter";
    connection_lost: "The connection was lost. Check that the appliance is running, then try again.",
        "La connexion a été perdue. Vérifiez que le serveur fonctionne, puis réessayez.";
    signed_out_meanwhile: "You have been signed out. Reload the page to sign in again.",
        "Vous avez été déconnecté. Rechargez la page pour vous reconnecter.";

    decimal: ".", ",";

    // Signing in and setting up
    wrong_password: "The e-mail address or the password is not right.", "L’adresse e-mail ou le mot de passe est incorrect.";
    sign_in: "Sign in", "Se connecter";
    email: "Email address", "Adresse e-mail";
    password: "Password", "Mot de passe";
    unclaimed: "Nobody administers this appliance yet. Open the one-time link that it printed when it started; a new one is printed at every start.",
        "Personne n’administre encore ce serveur. Ouvrez le lien à usage unique affiché à son démarrage ; un nouveau lien est affiché à chaque démarrage.";
    setup_title: "Set up Nosia", "Installer Nosia";
    setup_why: "You will be the first administrator. Others can be added later.",
        "Vous serez le premier administrateur. D’autres personnes pourront être ajoutées plus tard.";
    setup_do: "Create the administrator", "Créer l’administrateur";
    your_name: "Your name", "Votre nom";
    password_rule: "{} characters or more. A few unrelated words are easy to remember and hard to guess.",
        "{} caractères au moins. Quelques mots sans rapport entre eux sont faciles à retenir et difficiles à deviner.";
    setup_link_dead: "This set-up link is not valid: it has expired, has been used, or was copied incompletely. Restart the appliance to get a new one.",
        "Ce lien d’installation n’est pas valable : il a expiré, a déjà servi ou a été copié incomplètement. Redémarrez le serveur pour en obtenir un nouveau.";

    // Asking
    welcome: "What would you like to know?", "Que voulez-vous savoir ?";
    nothing_to_ask: "There are no documents to ask yet. Add some, and questions about them are answered here with the passages that prove it.",
        "Il n’y a pas encore de documents à interroger. Ajoutez-en : les réponses à vos questions s’afficheront ici, avec les passages qui les prouvent.";
    ready_one: "Answers come from one document, with the passages that prove them.",
        "Les réponses proviennent d’un document, avec les passages qui les prouvent.";
    ready_many: "Answers come from {} documents, with the passages that prove them.",
        "Les réponses proviennent de {} documents, avec les passages qui les prouvent.";
    your_question: "Your question", "Votre question";
    ask_placeholder: "Ask your documents", "Interrogez vos documents";
    send: "Ask", "Envoyer";
    stop: "Stop the answer", "Arrêter la réponse";
    stopped: "Stopped.", "Arrêtée.";
    searching: "Searching your documents", "Recherche dans vos documents";
    waiting: "Other answers are being written. Your place in the line: {}", "D'autres réponses sont en cours. Votre place dans la file : {}";
    writing: "Reading the passages found and writing the answer", "Lecture des passages trouvés et rédaction de la réponse";
    passages_found: "Passages found", "Passages trouvés";
    answer_done: "Answer:", "Réponse :";
    citation_mark: "Citation", "Citation";
    citations: "Citations", "Citations";
    cited_passage: "Cited passage", "Passage cité";
    nearest_passages: "Show the nearest passages", "Afficher les passages les plus proches";
    passage_gone: "This document is no longer here. This is the passage as it was quoted.",
        "Ce document n’est plus ici. Voici le passage tel qu’il a été cité.";
    cut_at_limit: "The answer met its limit and stops here.", "La réponse a atteint sa limite et s’arrête ici.";
    forgot: "The beginning of this conversation no longer fits what the model reads at once: it was left out.",
        "Le début de cette conversation dépasse ce que le modèle lit en une fois : il a été laissé de côté.";
    quotes_only: "Answers quote your documents word for word. To have them written out, choose a model on the server: nosia model list --catalog.",
        "Les réponses citent vos documents mot pour mot. Pour qu’elles soient rédigées, choisissez un modèle sur le serveur : nosia model list --catalog.";
    generator_missing: "Answers quote your documents word for word: the model {} was chosen to write them and is not there. On the server, nosia model list says why.",
        "Les réponses citent vos documents mot pour mot : le modèle {} devait les rédiger et n’est pas là. Sur le serveur, nosia model list dit pourquoi.";
    words_only: "The model that your documents were read with is not there: until it is, they are searched by their words alone. On the server, nosia model list says why.",
        "Le modèle avec lequel vos documents ont été lus n’est pas là : en attendant, seuls les mots sont comparés. Sur le serveur, nosia model list dit pourquoi.";
    check_citations: "Written by a model from your documents. Open a citation to check it.",
        "Rédigé par un modèle à partir de vos documents. Ouvrez une citation pour la vérifier.";
    unconfirmed_legend: "Underlined: not confirmed by the passages. Check it before you rely on it.",
        "Souligné : non confirmé par les passages. À vérifier avant de s’y fier.";
    unconfirmed: "not confirmed", "non confirmé";
    unconfirmed_number: "Not confirmed: a number here is not in the passage.", "Non confirmé : un nombre ne figure pas dans le passage.";
    unconfirmed_date: "Not confirmed: a date here is not in the passage.", "Non confirmé : une date ne figure pas dans le passage.";
    unconfirmed_name: "Not confirmed: a name here is not in the passage.", "Non confirmé : un nom ne figure pas dans le passage.";
    unconfirmed_words: "Not confirmed: the passage speaks of something else.", "Non confirmé : le passage parle d’autre chose.";
    unconfirmed_meaning: "Not confirmed: the passage has these words but does not say this.", "Non confirmé : le passage contient ces mots mais ne dit pas cela.";
    open_in_text: "In the full text", "Dans le texte intégral";
    original: "Original file", "Fichier original";
    page_number: "Page {}", "Page {}";
    slide_number: "Slide {}", "Diapositive {}";
    sheet_number: "Sheet {}", "Feuille {}";
    chapter_number: "Chapter {}", "Chapitre {}";
    message_number: "Message {}", "Message {}";
    unanswered: "There is no answer yet. If it is still being written, it is here when the page is loaded again.",
        "Il n’y a pas encore de réponse. Si elle est en cours de rédaction, elle apparaîtra au rechargement de la page.";
    reload: "Load again", "Recharger";
    delete_chat: "Delete this conversation", "Supprimer cette conversation";
    delete_for_good: "Delete for good", "Supprimer définitivement";

    // Web sites
    folders: "Folders", "Dossiers";
    folders_one: "1 folder", "1 dossier";
    folders_many: "{} folders", "{} dossiers";
    no_folders: "No folder is kept in step yet.", "Aucun dossier n’est suivi pour l’instant.";
    add_folder: "Add a folder", "Ajouter un dossier";
    folder_path: "Folder of this server", "Dossier de ce serveur";
    folder_manners: "Its files become documents, with all folders in it. Every minute what is new or has changed is read; what has vanished is no longer searched, and citations of it still open. Possible are:", "Ses fichiers deviennent des documents, ceux de ses sous-dossiers aussi. Chaque minute, ce qui est nouveau ou modifié est lu ; ce qui a disparu n’est plus cherché, et ses citations s’ouvrent encore. Possibles :";
    folders_closed: "No folder of this server may be watched for this account. The administrator allows it with FOLDERS_ALLOWED.", "Aucun dossier de ce serveur ne peut être suivi pour ce compte. L’administrateur le permet avec FOLDERS_ALLOWED.";
    folder_in_step: "In step", "À jour";
    files_one: "1 file", "1 fichier";
    files_many: "{} files", "{} fichiers";
    files_failed: "{} cannot be read", "{} ne peuvent pas être lus";
    files_gone: "{} have vanished", "{} ont disparu";
    file_in_step: "A document", "Un document";
    look_again: "Look now", "Vérifier maintenant";
    no_files: "No file has been found yet.", "Aucun fichier n’a encore été trouvé.";
    delete_folder_for_good: "Watch it no longer and delete its documents here", "Ne plus le suivre et supprimer ses documents ici";
    websites: "Web sites", "Sites web";
    websites_one: "1 web site", "1 site web";
    websites_many: "{} web sites", "{} sites web";
    no_websites: "No web site is read yet.", "Aucun site web n’est lu pour l’instant.";
    add_website: "Add a web site", "Ajouter un site web";
    website_address: "Address", "Adresse";
    website_manners: "Pages are read slowly, as their server asks, and only those that anybody may see. What has vanished is no longer searched; citations of it still open.",
        "Les pages sont lues lentement, comme leur serveur le demande, et seulement celles que chacun peut voir. Ce qui a disparu n’est plus interrogé ; les citations qui y renvoient s’ouvrent toujours.";
    reach: "What to read", "À lire";
    reach_page: "This page", "Cette page";
    reach_sitemap: "The pages of its site map", "Les pages de son plan de site";
    reach_crawl: "The pages that its links lead to", "Les pages vers lesquelles mènent ses liens";
    depth_max: "Links followed in a row", "Liens suivis à la suite";
    pages_max: "Pages at most", "Pages au plus";
    every: "Read again", "Relire";
    every_never: "Only when asked", "Seulement sur demande";
    every_day: "Every day", "Chaque jour";
    every_week: "Every week", "Chaque semaine";
    website_read: "Read", "Lu";
    read_again: "Read again", "Relire";
    fact_read: "Read on", "Lu le";
    fact_due: "Read again on", "Relu le";
    open_website: "Open", "Ouvrir";
    delete_website_for_good: "Delete it and all of its pages", "Supprimer avec toutes ses pages";
    no_web_pages: "No page has been visited yet.", "Aucune page n’a encore été visitée.";
    web_pages_failed: "{} could not be read", "{} n’ont pas pu être lues";
    web_pages_gone: "{} have vanished", "{} ont disparu";
    web_page_found: "Not visited yet", "Pas encore visitée";
    web_page_read: "Read", "Lue";
    web_page_gone: "Vanished", "Disparue";
    web_page_skipped: "Left out", "Laissée de côté";
    web_page_failed: "Could not be read", "N’a pas pu être lue";
    web_page_dropped: "Deleted here", "Supprimée ici";

    // Documents
    add_documents: "Add documents", "Ajouter des documents";
    drop_here: "Drop files anywhere on this page, or choose them", "Déposez des fichiers n’importe où sur cette page, ou choisissez-les";
    formats: "PDF, Word, PowerPoint, Excel, OpenDocument, Rich Text, EPUB, CSV, HTML, messages, ZIP and TAR archives, pictures, Markdown and plain text",
        "PDF, Word, PowerPoint, Excel, OpenDocument, Rich Text, EPUB, CSV, HTML, messages, archives ZIP et TAR, images, Markdown et texte brut";
    choose_files: "Choose files", "Choisir des fichiers";
    upload: "Upload", "Envoyer";
    uploads: "Uploads", "Envois";
    sending: "Sending", "Envoi";
    received: "Received", "Reçu";
    existed: "Was already here", "Était déjà là";
    too_large: "The file is larger than this appliance accepts ({}).", "Le fichier dépasse la taille acceptée par ce serveur ({}).";
    write_text: "Write a text instead", "Écrire plutôt un texte";
    add_text: "Add the text", "Ajouter le texte";
    write_qna: "Write a question and its answer", "Écrire une question et sa réponse";
    question: "Question", "Question";
    answer: "Answer", "Réponse";
    add_qna: "Add the answer", "Ajouter la réponse";
    edit: "Edit", "Modifier";
    edit_text: "Edit the text", "Modifier le texte";
    edit_qna: "Edit the question and its answer", "Modifier la question et sa réponse";
    edit_consequence: "It is read anew when saved. Citations of what it said before still open on that.",
        "Il est relu après l’enregistrement. Les citations de ce qu’il disait avant s’ouvrent toujours sur l’ancien texte.";
    find_documents: "Find by title or file name", "Chercher par titre ou nom de fichier";
    search: "Search", "Rechercher";
    all: "All", "Tous";
    ready: "Ready", "Prêts";
    working: "In progress", "En cours";
    failed: "Failed", "En échec";
    count_one: "1 document", "1 document";
    count_many: "{} documents", "{} documents";
    count_working: "{} in progress", "{} en cours";
    count_failed: "{} failed", "{} en échec";
    none_yet: "No documents yet.", "Aucun document pour l’instant.";
    none_found: "No document matches.", "Aucun document ne correspond.";
    range: "{} to {} of {}", "{} à {} sur {}";
    state_waiting: "Waiting", "En attente";
    state_reading: "Reading", "Lecture";
    state_reading_page: "Reading page {} of {}", "Lecture de la page {} sur {}";
    state_embedding: "Embedding", "Vectorisation";
    state_embedding_of: "Embedding {} of {}", "Vectorisation {} sur {}";
    state_indexing: "Indexing", "Indexation";
    state_ready: "Ready", "Prêt";
    state_failed: "Failed", "Échec";
    state_gone: "Vanished", "Disparu";
    retry: "Try again", "Réessayer";
    delete: "Delete", "Supprimer";
    delete_question: "Delete this document?", "Supprimer ce document ?";
    delete_consequence: "It can no longer be searched or opened. Answers that quoted it keep their quotations.",
        "Il ne pourra plus être recherché ni ouvert. Les réponses qui l’ont cité gardent leurs citations.";
    fact_state: "State", "État";
    fact_file: "File", "Fichier";
    fact_size: "Size", "Taille";
    fact_pages: "Pages", "Pages";
    parts: "What lies within", "Contenu";
    fact_author: "Author", "Auteur";
    fact_date: "Date", "Date";
    fact_language: "Language", "Langue";
    fact_added: "Added", "Ajouté";
    pages_one: "1 page", "1 page";
    pages_many: "{} pages", "{} pages";
    unread_one: "1 page not read", "1 page non lue";
    unread_many: "{} pages not read", "{} pages non lues";
    stop_reading: "Stop", "Arrêter";
    unread_filter: "Not read", "Non lus";
    not_read: "What could not be read", "Ce qui n’a pas pu être lu";
    older_version: "This is an earlier reading of the document, the one that was cited.",
        "Ceci est une lecture antérieure du document, celle qui a été citée.";
    no_text_yet: "There is no text to show yet.", "Il n’y a pas encore de texte à afficher.";
    part_pages: "Pages {} to {} of {}", "Pages {} à {} sur {}";
    part: "Part {} of {}", "Partie {} sur {}";
    kilobytes: "{} KB", "{} Ko";
    megabytes: "{} MB", "{} Mo";

    // Tokens
    tokens_why: "A token lets a program ask and add documents in your name, through the OpenAI-compatible API and Nosia’s own.",
        "Un jeton permet à un programme de poser des questions et d’ajouter des documents en votre nom, par l’API compatible OpenAI et celle de Nosia.";
    token_made: "Your new token", "Votre nouveau jeton";
    token_once: "Copy it now: it is not kept and cannot be shown again.",
        "Copiez-le maintenant : il n’est pas conservé et ne pourra plus être affiché.";
    token_use: "For example, with curl:", "Par exemple, avec curl :";
    token_name: "What it is for", "À quoi il sert";
    token_name_example: "Intranet search", "Recherche de l’intranet";
    expires: "Expires", "Expire";
    days_30: "after 30 days", "après 30 jours";
    days_90: "after 90 days", "après 90 jours";
    days_365: "after a year", "après un an";
    never: "never", "jamais";
    make_token: "Make a token", "Créer un jeton";
    no_tokens: "No tokens yet.", "Aucun jeton pour l’instant.";
    revoke: "Revoke", "Révoquer";
    revoke_for_good: "Revoke for good", "Révoquer définitivement";
    token_used: "last used", "utilisé le";
    token_unused: "never used", "jamais utilisé";
    token_valid: "Valid", "Valable";
    token_until: "Until", "Jusqu’au";
    token_expired: "Expired", "Expiré";

    // Settings
    settings: "Settings", "Réglages";
    settings_saved: "Saved. It holds from the next question on.", "Enregistré. Cela vaut dès la prochaine question.";
    instructions: "Instructions to the model", "Consignes au modèle";
    instructions_why: "What the model that writes the answers of this account is told. {context} is where the passages found go; without it they follow. Whatever stands here, passages are put before it as data, and every sentence is checked.",
        "Ce qui est dit au modèle qui rédige les réponses de ce compte. {context} est l’endroit où vont les passages trouvés ; sans lui, ils suivent. Quoi qu’il soit écrit ici, les passages lui sont présentés comme des données et chaque phrase est vérifiée.";
    instructions_own: "This account’s own instructions", "Consignes propres à ce compte";
    instructions_default: "The default, as long as you save no other", "Consignes par défaut, tant que vous n’en enregistrez pas d’autres";
    save: "Save", "Enregistrer";
    back_to_default: "Back to the default", "Revenir aux consignes par défaut";

    comparing: "Search", "Recherche";
    comparing_by: "Questions are compared with your documents by {}.", "Les questions sont comparées à vos documents par {}.";
    comparing_next: "{} is preparing to take over: {} % of the documents are done. Until then everything goes on as before.",
        "{} se prépare à prendre le relais : {} % des documents sont prêts. D’ici là, rien ne change.";

    // Errors
    error_not_found: "Not found", "Introuvable";
    error_not_found_page: "There is nothing at this address, or it is not yours to see.",
        "Il n’y a rien à cette adresse, ou vous n’y avez pas accès.";
    error_forbidden: "Not allowed", "Non autorisé";
    error_invalid: "That did not work", "Cela n’a pas fonctionné";
    error_busy: "Busy", "Occupé";
    error_internal: "Something went wrong", "Un problème est survenu";
    back_home: "Back to the questions", "Retour aux questions";
}

impl Texts {
    /// The language that the header `Accept-Language` prefers of those there are; English if it names neither.
    pub fn preferred(accept_language: &str) -> &'static Texts {
        let mut best: (f32, &'static Texts) = (0.0, &ENGLISH);
        for range in accept_language.split(',').take(20) {
            let mut parts = range.split(';');
            let tag = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
            let weight = parts
                .find_map(|part| part.trim().strip_prefix("q=")?.parse::<f32>().ok())
                .map_or(1.0, |weight| weight.clamp(0.0, 1.0));
            let texts = match tag.split('-').next() {
                Some("fr") => &FRENCH,
                Some("en") => &ENGLISH,
                _ => continue,
            };
            if weight > best.0 {
                best = (weight, texts);
            }
        }
        best.1
    }
}

/// What a page of a document of this kind is called, for its number.
pub fn unit_label(t: &'static Texts, unit: Unit) -> &'static str {
    match unit {
        Unit::Page => t.page_number,
        Unit::Slide => t.slide_number,
        Unit::Sheet => t.sheet_number,
        Unit::Chapter => t.chapter_number,
        Unit::Message => t.message_number,
    }
}

/// `phrase` with each `{}` filled by the next of `values`.
pub fn say(phrase: &str, values: &[&dyn std::fmt::Display]) -> String {
    let mut parts = phrase.split("{}");
    let mut said = parts.next().unwrap_or_default().to_owned();
    for (at, part) in parts.enumerate() {
        if let Some(value) = values.get(at) {
            said.push_str(&value.to_string());
        }
        said.push_str(part);
    }
    said
}

#[cfg(test)]
mod tests {
    use super::{PAIRS, Texts, say};

    #[test]
    fn both_languages_say_the_same_with_the_same_blanks() {
        for (name, english, french) in PAIRS {
            assert!(!english.trim().is_empty() && !french.trim().is_empty(), "{name} is empty");
            assert_eq!(english.matches("{}").count(), french.matches("{}").count(), "{name}");
        }
    }

    #[test]
    fn the_preferred_language_is_chosen() {
        let cases = [
            ("", "en"),
            ("fr", "fr"),
            ("fr-CH, fr;q=0.9, en;q=0.8", "fr"),
            ("en-GB,en;q=0.9,fr;q=0.8", "en"),
            ("de, fr;q=0.5, en;q=0.4", "fr"),
            ("de", "en"),
            ("fr;q=0, en;q=0.1", "en"),
            ("fr;q=nonsense", "fr"),
        ];
        for (header, lang) in cases {
            assert_eq!(Texts::preferred(header).lang, lang, "{header:?}");
        }
    }

    #[test]
    fn blanks_are_filled_in_order() {
        assert_eq!(say("{} to {} of {}", &[&1, &50, &"many"]), "1 to 50 of many");
        assert_eq!(say("no blank", &[&1]), "no blank");
        assert_eq!(say("{}", &[&"{}"]), "{}");
    }
}
