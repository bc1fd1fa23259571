//! What a document may be, how a value is put together, and what the resource and Keycloak would refuse.

use super::*;

#[test]
fn an_element_in_the_wrong_place_does_not_count() {
    let run = user("<access><entry><key>a</key><value>true</value></entry></access><Value>x</Value><Name>y</Name>");
    assert_eq!(run.messages.len(), 2);
    assert_eq!(spec(&run).username, "jdoe");
    warns(&user("<Phone>\u{fc}<x/>\u{fc}</Phone>"), "2:1: warning: the element `Phone` is not known");
    let run = user("<Attributes><Username>eve</Username></Attributes>");
    warns(&run, "2:13: warning: the element `Username` is not known, and is left out");
}

#[test]
fn users_within_users_are_not_passed_over() {
    rejects(&user(GOOD), "2:1: error: `User` cannot stand within a user");
    rejects(
        &convert(format!("<Users><Users>{GOOD}</Users></Users>")),
        "1:8: error: `Users` cannot stand within `Users`",
    );
}

#[test]
fn control_characters_in_a_username_reject_the_user_and_are_escaped() {
    rejects(
        &convert("<User><Username>j\u{7f}doe</Username></User>"),
        "1:7: error: spec.username must not contain control characters",
    );
    let run = convert("<User><Username>j&#10;doe</Username></User>");
    rejects(&run, "1:7: error: spec.username must not contain control characters");
    assert!(run.messages.iter().all(|message| !message.contains('\n')));
}

#[test]
fn what_the_schema_would_refuse_is_an_error_where_it_stands() {
    let long = "x".repeat(2049);
    let attribute = format!("<Attribute><Name>a</Name><Values><Value>{long}</Value></Values></Attribute>");
    rejects(
        &user(&format!("<Attributes>{attribute}</Attributes>")),
        "2:13: error: spec.attributes[0].values[0] must not be longer than 2048 characters",
    );
    rejects(
        &user(&format!("<LastName>{}</LastName>", "x".repeat(256))),
        "2:1: error: spec.lastName must not be longer than 255",
    );
}

#[test]
fn line_ends_and_pieces_of_a_value_are_put_together() {
    let run = credentials(
        "\r\n<Credential><Value>\r\n a<!-- b --><![CDATA[<c>\r]]>&#13;<?d?>&lt;\t </Value><Type>password</Type><Temporary>0</Temporary></Credential>",
    );
    assert_eq!(password(&run).as_deref(), Some("\n a<c>\n\r<\t "));
}

#[test]
fn what_xml_allows_and_the_resource_refuses_is_dropped_with_a_warning_that_names_it() {
    let attribute = |name: &str, values: &str| {
        user(&format!("<Attributes><Attribute><Name>{name}</Name><Values>{values}</Values></Attribute></Attributes>"))
    };
    let one = "<Value>x</Value>";
    for (name, message) in [
        ("firstName", "the attribute `firstName` is left out: its name is a field of spec, not an attribute"),
        ("username", "the attribute `username` is left out: its name is a field of spec, not an attribute"),
        (" ", "the attribute ` ` is left out: its name must not be blank"),
        ("a\tb", "the attribute `a\\u{9}b` is left out: its name must not contain control characters"),
    ] {
        let run = attribute(name, one);
        warns(&run, &format!("2:13: warning: {message}"));
        assert_eq!(spec(&run).attributes, []);
    }
    let run = attribute("a", &format!("{one}<Value/><Value> \n</Value>"));
    assert_eq!((run.messages.len(), &spec(&run).attributes[0].values[..]), (2, &["x".to_owned()][..]));
    assert!(run.messages[0].ends_with("a blank value of the attribute `a` is left out, as Keycloak would"));
}

#[test]
fn service_accounts_are_no_users() {
    for name in ["service-account-billing", "Service-Account-Billing"] {
        rejects(
            &convert(format!("<User><Username>{name}</Username><Enabled>1</Enabled></User>")),
            &format!("1:7: error: the username `{name}` belongs to the service account of a client"),
        );
    }
}

#[test]
fn profile_a_username_has_3_to_255_characters_of_those_that_keycloak_takes() {
    let named = |name: &str| convert(format!("<User><Username>{name}</Username><Enabled>1</Enabled></User>"));
    warns(&named("al"), "1:7: warning: Keycloak's default profile refuses usernames of less than 3 characters: `al`");
    warns(&named("j doe"), "1:7: warning: Keycloak's default profile refuses a character of the username `j doe`");
    rejects(&named(&"x".repeat(256)), "1:7: error: spec.username must not be longer than 255 characters");
    for name in ["a@b", "a.b", "a-b", "a_b", "a+b"] {
        assert_eq!(named(name).messages, [""; 0]);
    }
}

#[test]
fn profile_names_and_email_have_255_characters_at_most() {
    for element in ["FirstName", "LastName", "Email"] {
        let document = format!("<{element}>{}@</{element}>", "x".repeat(255));
        rejects(&user(&document), "2:1: error: spec.");
    }
}

#[test]
fn profile_names_of_persons_have_no_parentheses() {
    let run = user("<LastName>Doe (Ext)</LastName>");
    warns(&run, "2:1: warning: Keycloak's default profile refuses a character of this LastName");
    assert_eq!(spec(&run).last_name.as_deref(), Some("Doe (Ext)"));
}

#[test]
fn characters_that_deceive_a_reviewer_are_warned_of_but_not_in_passwords() {
    for text in ["a\u{202e}b", "a\u{200b}b", "a\u{2066}b", "a\u{e0041}"] {
        warns(&user(&format!("<LastName>{text}</LastName>")), "2:1: warning: this LastName contains characters that");
        let run = credentials(&PASSWORD.replace("geheim", text));
        assert_eq!((run.messages.len(), password(&run).as_deref()), (0, Some(text)));
    }
    for text in ["Jos\u{e9}", "می\u{200c}خواهم", "👩\u{200d}🔬", "山田"] {
        assert_eq!(user(&format!("<LastName>{text}</LastName>")).messages, [""; 0], "{text}");
    }
}

#[test]
fn shape_required_actions_are_left_out_with_a_warning_if_there_are_any() {
    let run = user("<RequiredActions> <Action>UPDATE_PASSWORD</Action></RequiredActions>");
    warns(&run, "2:1: warning: the RequiredActions are left out");
    assert_eq!(user("<RequiredActions>\n<x/></RequiredActions>").messages, [""; 0]);
}

#[test]
fn shape_exactly_100_users_are_probably_a_page() {
    let list = |count: usize| {
        let user = |number| format!("<User><Username>user{number}</Username><Enabled>1</Enabled></User>");
        convert(format!("<Users>{}</Users>", (0..count).map(user).collect::<String>()))
    };
    assert_eq!((list(99).messages.len(), list(101).messages.len()), (0, 0));
    let run = list(100);
    assert_eq!((run.summary.written, run.summary.one_page, run.summary.is_complete()), (100, 1, true));
    assert!(run.messages[0].starts_with("a.xml:1:1: warning: there are exactly 100 users"), "{:?}", run.messages);
}

#[test]
fn what_kubectl_does_not_deliver_is_warned_of_and_encoded_in_passwords() {
    for character in ['\u{7f}', '\u{80}', '\u{85}', '\u{9f}', '\u{feff}'] {
        let text = format!("a{character}b");
        let attribute = format!("<Attribute><Name>n</Name><Values><Value>{text}</Value></Values></Attribute>");
        let run = user(&format!("<Attributes>{attribute}</Attributes>"));
        warns(&run, "2:46: warning: this attribute value contains a character of U+007F");
        let run = credentials(&PASSWORD.replace("geheim", &text));
        assert!(run.manifests.contains("\ndata:\n") && !run.manifests.contains("stringData"), "{}", run.manifests);
        assert_eq!((run.messages.len(), password(&run)), (0, Some(text)));
    }
    for character in ['\u{a0}', '\u{2028}', '\t'] {
        let run = credentials(&PASSWORD.replace("geheim", &format!("a{character}b")));
        assert!(run.manifests.contains("\nstringData:\n"), "{}", run.manifests);
    }
}
