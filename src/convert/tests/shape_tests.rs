//! The documents that a person may own: those of the exporting product, element by element and operation by operation,
//! and those of other programs.

use super::*;

/// A user with these elements, of which `Username` is given if there is none among them.
fn declared(elements: &str) -> KeycloakUserSpec {
    let username = if elements.contains("<Username>") { "" } else { "<Username>jdoe</Username>" };
    let enabled = if elements.contains("<Enabled>") { "" } else { "<Enabled>true</Enabled>" };
    let run = convert(format!("<User>{username}{enabled}{elements}</User>"));
    assert_eq!(run.messages, [""; 0]);
    spec(&run)
}

fn refused(document: &str, words: &str) {
    let run = convert(document);
    assert!(run.messages.iter().any(|message| message.contains(words)), "{words}: {:?}", run.messages);
    assert_eq!((run.manifests.as_str(), run.summary.is_complete()), ("", false));
}

// The elements of "Create new User".

#[test]
fn element_user_is_the_root_and_has_the_eight_others() {
    let strict = Options { mode: Mode::Strict, ..Options::default() };
    let example = include_bytes!("../../../tests/data/convert/example.xml");
    let run = run(&mut [("a.xml", &mut example.as_slice())], strict);
    assert_eq!((run.summary.written, run.messages.len()), (1, 0), "{:?}", run.messages);
}

#[test]
fn element_username_is_any_text_and_the_only_one_that_must_be_there() {
    assert_eq!(declared("<Username>John Doe+1</Username>".replace(' ', "-").as_str()).username, "John-Doe+1");
    refused("<User><FirstName>John</FirstName></User>", "the user has no Username");
}

#[test]
fn element_first_name_and_last_name_are_any_text() {
    let spec = declared("<FirstName>Ana María</FirstName><LastName>d'Arc 3rd</LastName>");
    assert_eq!((spec.first_name.as_deref(), spec.last_name.as_deref()), (Some("Ana María"), Some("d'Arc 3rd")));
}

#[test]
fn element_email_is_an_address() {
    assert_eq!(declared("<Email>j@example.com</Email>").email.as_deref(), Some("j@example.com"));
}

#[test]
fn element_email_verified_and_enabled_are_truth_values() {
    let spec = declared("<EmailVerified>false</EmailVerified><Enabled>true</Enabled>");
    assert_eq!((spec.email_verified, spec.enabled), (Some(false), Some(true)));
    refused("<User><Username>jdoe</Username><Enabled>yes</Enabled></User>", "`Enabled` must be true or false");
}

#[test]
fn element_attributes_are_optional_and_have_several_values() {
    assert_eq!(declared("").attributes, []);
    let attribute = |name, values| format!("<Attribute><Name>{name}</Name><Values>{values}</Values></Attribute>");
    let two = attribute("a", "<Value>2</Value><Value>1</Value><Value>2</Value>") + &attribute("b", "<Value>3</Value>");
    let found: Vec<(String, Vec<String>)> = declared(&format!("<Attributes>{two}</Attributes>"))
        .attributes
        .into_iter()
        .map(|attribute| (attribute.name, attribute.values))
        .collect();
    let owned = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect();
    assert_eq!(found, [("a".to_owned(), owned(&["2", "1", "2"])), ("b".to_owned(), owned(&["3"]))]);
}

#[test]
fn element_credentials_have_type_value_and_temporary() {
    let run = credentials(&PASSWORD.replace("false", "true"));
    assert_eq!((spec(&run).credentials[0].temporary, password(&run).as_deref()), (Some(true), Some("geheim")));
}

// The operations of the product.

#[test]
fn operation_create_new_user_is_converted() {
    let run = convert(include_bytes!("../../../tests/data/convert/example.xml"));
    assert_eq!((run.summary.written, run.messages.len(), password(&run).is_some()), (1, 0, true));
}

/// What the operations that list users write, in their order, with everything that is known.
fn listed(attributes: &str, access: &str) -> String {
    format!(
        "<?xml version='1.0' encoding='UTF-8' standalone='yes'?>\n<Users><User><Id>1</Id>\
        <CreatedTimestamp>1</CreatedTimestamp><Username>anna</Username><Enabled>false</Enabled><Totp>true</Totp>\
        <EmailVerified>true</EmailVerified><FirstName>A</FirstName><LastName>B</LastName><Email>a@b</Email>{attributes}\
        <RequiredActions/><NotBefore>0</NotBefore>{access}</User></Users>"
    )
}

#[test]
fn operation_list_users_writes_what_needs_no_warning() {
    let attributes = "<Attributes><Attribute><Name>n</Name><Values><Value>v</Value></Values></Attribute></Attributes>";
    let access = "<access><entry><key>manage</key><value>true</value></entry></access>";
    let run = convert(listed(attributes, access));
    assert_eq!(run.messages, [""; 0]);
    let spec = spec(&run);
    assert_eq!((spec.username.as_str(), spec.enabled, spec.attributes[0].values.len()), ("anna", Some(false), 1));
    assert_eq!((spec.credentials.len(), password(&run)), (0, None), "Totp is no temporary password");
}

#[test]
fn operation_list_users_reads_parameters_that_are_no_users() {
    let parameters =
        "<KeycloakListUsersParameters><username>a</username><limit>5</limit></KeycloakListUsersParameters>";
    refused(
        parameters,
        "`KeycloakListUsersParameters`, but only `User` and `Users` are converted; this document describes no user",
    );
}

#[test]
fn operation_get_users_with_role_writes_empty_attributes_and_no_access() {
    let run = convert(listed("<Attributes/>", ""));
    assert_eq!(run.messages, [""; 0]);
    assert_eq!(spec(&run).attributes, []);
}

#[test]
fn operation_update_user_reads_a_user_without_username_which_cannot_be_converted() {
    let document =
        "<User><Id>1</Id><Enabled>true</Enabled><Totp>false</Totp><Attributes/><NotBefore>0</NotBefore></User>";
    refused(document, "1:1: error: the user has no Username, and cannot be converted without one");
}

macro_rules! no_users {
    ($($name:ident: $document:expr;)*) => {
        $(#[test]
        fn $name() {
            refused($document, "this document describes no user, leave it out");
        })*
    };
}

no_users! {
    operation_delete_user_and_activate_user_read_an_id: "<Id>0b4d</Id>";
    operation_create_new_group_reads_a_group: "<Group><Name>a</Name><Attributes/></Group>";
    operation_create_new_sub_group_reads_a_parent_group: "<ParentGroup><ParentId>1</ParentId><SubGroup/></ParentGroup>";
    operation_get_group_by_id_writes_a_group: "<Group><Id>1</Id><Name>a</Name><Path>/a</Path><ClientRoles/><SubGroups/></Group>";
    operation_create_new_role_and_get_role_by_id_have_a_role: "<Role><Id>1</Id><Name>a</Name><ClientRole>true</ClientRole></Role>";
}

// Other XML that a person may own.

#[test]
fn format_user_and_users_of_the_product_are_supported() {
    for document in [GOOD.to_owned(), format!("<Users>{GOOD}</Users>")] {
        assert_eq!(convert(document).summary.written, 1);
    }
}

#[test]
fn format_concatenation_of_documents_needs_its_option() {
    let document = format!("{GOOD}{}", GOOD.replace("jdoe", "anna"));
    refused(&document, "say `--concatenated`");
    let options = Options { input: Input::Concatenated, ..Options::default() };
    assert_eq!(run(&mut [("a.xml", &mut document.as_bytes())], options).summary.written, 2);
}

macro_rules! foreign {
    ($($name:ident: $words:literal, $document:expr;)*) => {
        $(#[test]
        fn $name() {
            refused($document, concat!("but only `User` and `Users` are converted", $words));
        })*
    };
}

foreign! {
    format_dsml_v1_is_named: "; DSML is not supported",
        "<dsml><directory-entries><entry><attr name='uid'><value>a</value></attr></entry></directory-entries></dsml>";
    format_dsml_v2_is_named: "; DSML is not supported",
        "<batchResponse xmlns='urn:oasis:names:tc:DSML:2:0:core'><searchResponse/></batchResponse>";
    format_backup_of_jira_is_named: "; a backup of Jira is not supported",
        "<entity-engine-xml><User id='1' userName='a' credential='x'/></entity-engine-xml>";
    format_ims_enterprise_is_named: "; IMS Enterprise is not supported",
        "<enterprise><person><userid>a</userid></person></enterprise>";
    format_xep_0227_is_named: "; XEP-0227 is not supported",
        "<server-data xmlns='urn:xmpp:pie:0'><host jid='x'><user name='a' password='b'/></host></server-data>";
    format_simple_list_of_users_is_refused: ": did you mean `Users`?",
        "<users><user><username>a</username></user></users>";
    format_simple_list_of_data_is_refused: "; transform the document first",
        "<Data><User cmd='add'><UserId>a</UserId></User></Data>";
    format_simple_list_of_contacts_is_refused: "; transform the document first",
        "<contacts><person>a</person></contacts>";
    format_spml_is_refused: "; transform the document first",
        "<addRequest xmlns='urn:oasis:names:tc:SPML:2:0'><data/></addRequest>";
}
