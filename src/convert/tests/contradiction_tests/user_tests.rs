//! Rows 0 to 20: what is in a user.

use super::*;

#[test]
fn row_00_the_example_keeps_the_schema_and_the_empty_template_does_not() {
    strict_takes(include_bytes!("../../../../tests/data/convert/example.xml"));
    strict_takes(FULL);
    let template: String =
        FULL.split_inclusive('>').filter_map(|piece| piece.rfind('<').map(|at| &piece[at..])).collect();
    strict_refuses(&template, "1:7: error: by the schema, `Username` must be a name in XML");
}

#[test]
fn row_01_only_the_username_is_required() {
    let spec = silent("<User><Username>JohnDoe</Username><Enabled>true</Enabled></User>");
    assert_eq!((spec.first_name, spec.last_name, spec.email, spec.email_verified), (None, None, None, None));
    refused("<User><Enabled>true</Enabled></User>", "1:1: error: the user has no Username");
    for element in ["Username", "FirstName", "LastName", "Email", "EmailVerified", "Enabled", "Attributes"] {
        let (before, rest) = FULL.split_once(&format!("<{element}>")).unwrap();
        let after = rest.split_once(&format!("</{element}>")).unwrap().1;
        strict_refuses(format!("{before}{after}"), &format!("by the schema, `{element}` must stand here within User"));
    }
    let without = FULL.split_once("<Credentials>").unwrap().0.to_owned() + "</User>";
    strict_refuses(without, "by the schema, `Credentials` is missing at the end of User");
}

#[test]
fn row_02_a_missing_enabled_is_written_out_with_one_warning_a_file() {
    let document =
        "<Users><User><Username>anna</Username></User><User><Username>bert</Username><Enabled/></User></Users>";
    for (default_enabled, line) in [(false, "  enabled: false\n"), (true, "  enabled: true\n")] {
        let options = Options { default_enabled, ..Options::default() };
        let run = run(&mut [("a.xml", &mut document.as_bytes())], options);
        assert_eq!(run.manifests.matches(line).count(), 2);
        let warning = format!(
            "a.xml:1:8: warning: Enabled is missing; {default_enabled} is written out, for this user and all others without it"
        );
        assert_eq!(run.messages, [warning]);
    }
    strict_refuses(with("<Enabled>true</Enabled>", ""), "`Enabled` must stand here");
}

#[test]
fn row_03_a_username_is_any_string() {
    for name in ["john@example.com", "4711", "佐藤さん"] {
        assert_eq!(silent(with("JohnDoe", name)).username, name);
    }
    for name in ["j doe", "a:b"] {
        let spec = one_warning(with("JohnDoe", name), "Keycloak's default profile refuses a character of the username");
        assert_eq!(spec.username, name);
    }
    for name in ["john@example.com", "4711", "j doe", "a:b"] {
        strict_refuses(with("JohnDoe", name), "`Username` must be a name in XML (NCName)");
    }
}

#[test]
fn row_04_names_of_persons_are_any_string() {
    for name in ["von der Leyen", "O'Brien", "Mary Jane", "Ștefan", "𠮷田"] {
        assert_eq!(silent(with("<FirstName>John", &format!("<FirstName>{name}"))).first_name.as_deref(), Some(name));
        assert_eq!(silent(with("<LastName>Doe", &format!("<LastName>{name}"))).last_name.as_deref(), Some(name));
        strict_refuses(with("<FirstName>John", &format!("<FirstName>{name}")), "`FirstName` must be a name in XML");
        strict_refuses(with("<LastName>Doe", &format!("<LastName>{name}")), "`LastName` must be a name in XML");
    }
    for name in ["Jürgen", "Łukasz", "Čeněk", "佐藤", "Nguyễn"] {
        strict_takes(with("<FirstName>John", &format!("<FirstName>{name}")));
    }
}

#[test]
fn row_05_an_empty_element_means_an_absent_one() {
    for (text, element) in [("<FirstName>John", "FirstName"), ("<LastName>Doe", "LastName")] {
        let document = with(text, &format!("<{element}>"));
        silent(&document);
        strict_refuses(document, &format!("`{element}` must be a name in XML"));
    }
    for element in ["EmailVerified", "Enabled"] {
        let document = with(&format!("<{element}>true"), &format!("<{element}>"));
        strict_refuses(&document, &format!("`{element}` must be true, false, 1 or 0"));
    }
    assert_eq!(silent(with("<EmailVerified>true", "<EmailVerified> ")).email_verified, None);
    refused(with("JohnDoe", ""), "1:1: error: the user has no Username, and cannot be converted without one; add it");
    refused(with("JohnDoe", " \t"), "1:7: error: spec.username must not be blank");
}

#[test]
fn row_06_an_empty_email_is_absent() {
    for email in ["<Email></Email>", "<Email/>"] {
        let document = with("<Email>j@example.com</Email>", email);
        assert_eq!(silent(&document).email, None);
        let run = strict_takes(document);
        assert!(!run.manifests.contains("email:"), "{}", run.manifests);
    }
}

#[test]
fn row_07_an_email_is_trimmed_and_looked_at() {
    let spec = one_warning(with("j@example.com", " j@example.com\n"), "white space around the Email is removed");
    assert_eq!(spec.email.as_deref(), Some("j@example.com"));
    for email in ["example.com", "j j@example.com"] {
        let spec = one_warning(with("j@example.com", email), "this Email is not an e-mail address");
        assert_eq!(spec.email.as_deref(), Some(email));
        strict_takes(with("j@example.com", email));
    }
}

#[test]
fn row_08_truth_values_are_those_of_the_schema() {
    for (text, value) in [("true", true), ("1", true), ("false", false), ("0", false), ("\n true \n", true)] {
        let document = with("<EmailVerified>true", &format!("<EmailVerified>{text}"));
        assert_eq!(silent(&document).email_verified, Some(value));
        assert_eq!(super::spec(&strict_takes(document)).email_verified, Some(value));
    }
    for text in ["TRUE", "True"] {
        let document = with("<EmailVerified>true", &format!("<EmailVerified>{text}"));
        assert_eq!(one_warning(&document, "is taken for true or false").email_verified, Some(true));
        strict_refuses(document, "`EmailVerified` must be true, false, 1 or 0");
    }
    for text in ["yes", "2", "tr ue", "t&#114;&amp;e"] {
        let document = with("<Enabled>true", &format!("<Enabled>{text}"));
        refused(&document, "error: `Enabled` must be true or false");
        strict_refuses(document, "`Enabled` must be true, false, 1 or 0");
    }
}

#[test]
fn row_09_the_order_of_elements_does_not_matter() {
    let document = with(
        "<FirstName>John</FirstName><LastName>Doe</LastName>",
        "<LastName>Doe</LastName><FirstName>John</FirstName>",
    );
    assert_eq!(silent(&document).last_name.as_deref(), Some("Doe"));
    strict_refuses(document, "1:35: error: by the schema, `FirstName` must stand here within User, not `LastName`");
    let document = with("<Type>password</Type><Value>geheim</Value>", "<Value>geheim</Value><Type>password</Type>");
    silent(&document);
    strict_refuses(document, "`Type` must stand here within Credential, not `Value`");
    let document =
        with("<Name>a</Name><Values><Value>1</Value></Values>", "<Values><Value>1</Value></Values><Name>a</Name>");
    silent(&document);
    strict_refuses(document, "`Name` must stand here within Attribute, not `Values`");
}

#[test]
fn row_10_attributes_may_be_empty() {
    let document = with(ATTRIBUTE, "");
    assert_eq!(silent(&document).attributes, []);
    strict_refuses(document, "by the schema, `Attribute` is missing at the end of Attributes");
}

#[test]
fn row_11_an_attribute_without_values_is_dropped() {
    let document = with("<Values><Value>1</Value></Values>", "<Values/>");
    assert_eq!(one_warning(&document, "the attribute `a` has no values, and is left out").attributes, []);
    strict_refuses(document, "by the schema, `Value` is missing at the end of Values");
    one_warning(with("<Values><Value>1</Value></Values>", ""), "the attribute `a` has no values, and is left out");
}

#[test]
fn row_12_an_empty_template_attribute_is_dropped() {
    let document = with(ATTRIBUTE, "<Attribute><Name></Name><Values><Value></Value></Values></Attribute>");
    assert_eq!(one_warning(&document, "an attribute without name and values is left out").attributes, []);
    strict_takes(document);
    refused(with("<Name>a</Name>", "<Name/>"), "error: an attribute has values but no Name; add it");
}

#[test]
fn row_13_attributes_of_one_name_are_joined_in_order() {
    let second = "<Attribute><Name>a</Name><Values><Value>0</Value></Values></Attribute>";
    let document = with(ATTRIBUTE, &format!("{ATTRIBUTE}{second}"));
    let spec = one_warning(&document, "the attribute `a` stands twice; the values are joined");
    assert_eq!((spec.attributes.len(), &spec.attributes[0].values[..]), (1, &["1".to_owned(), "0".to_owned()][..]));
    strict_takes(document);
}

#[test]
fn row_14_the_name_of_an_attribute_is_kept_exactly() {
    let document = with("<Name>a", "<Name> Employment  Relationship ");
    assert_eq!(silent(&document).attributes[0].name, " Employment  Relationship ");
    strict_takes(document);
}

#[test]
fn row_15_there_is_one_password_at_most() {
    let credential = "<Credential><Type>password</Type><Value>geheim</Value><Temporary>false</Temporary></Credential>";
    let none = with(credential, "");
    assert_eq!(silent(&none).credentials, []);
    strict_refuses(none, "by the schema, `Credential` is missing at the end of Credentials");
    let two = with(credential, &format!("{credential}{credential}"));
    refused(&two, "error: the user has two passwords; remove one Credential");
    strict_refuses(two, "by the schema, nothing more may stand within Credentials, but `Credential` follows");
    let other = with(credential, &format!("{}{credential}", credential.replace("password", "otp")));
    let run = convert(&other);
    assert_eq!(password(&run).as_deref(), Some("geheim"));
    one_warning(&other, "a Credential whose Type is not `password` is left out");
    strict_refuses(other, "nothing more may stand within Credentials");
}

#[test]
fn row_16_the_type_is_password() {
    let document = with("<Type>password", "<Type>otp");
    assert_eq!(one_warning(&document, "a Credential whose Type is not `password` is left out").credentials, []);
    strict_takes(document);
    let document = with("<Type>password", "<Type>Password");
    assert_eq!(one_warning(&document, "is taken for `password`; write it in lower case").credentials.len(), 1);
    strict_takes(document);
    strict_refuses(with("<Type>password", "<Type>one time"), "`Type` must be a name in XML");
}

#[test]
fn row_17_an_empty_password_makes_no_secret() {
    for value in ["<Value/>", "<Value> \n</Value>"] {
        let document = with("<Value>geheim</Value>", value);
        let spec = one_warning(&document, "the password is blank, which Keycloak refuses; no Secret is written");
        assert_eq!((spec.credentials.len(), password(&convert(&document))), (0, None));
        strict_takes(document);
    }
}

#[test]
fn row_18_a_password_is_kept_byte_for_byte() {
    let document = with("geheim", "\r\n a<!-- b --><![CDATA[<c>\r]]>&#13;<?d?>&lt;\t ");
    silent(&document);
    assert_eq!(password(&convert(&document)).as_deref(), Some("\n a<c>\n\r<\t "));
    assert_eq!(password(&strict_takes(document)).as_deref(), Some("\n a<c>\n\r<\t "));
}

#[test]
fn row_19_a_missing_temporary_is_false() {
    let document = with("<Temporary>false</Temporary>", "");
    let spec = one_warning(&document, "a Credential has no Temporary; false is written");
    assert_eq!(spec.credentials[0].temporary, Some(false));
    strict_refuses(document, "by the schema, `Temporary` is missing at the end of Credential");
    assert_eq!(silent(with("<Temporary>false", "<Temporary>1")).credentials[0].temporary, Some(true));
    refused(with("<Temporary>false", "<Temporary>geheim"), "error: `Temporary` must be true or false");
}

#[test]
fn row_20_a_missing_type_is_password() {
    for type_ in ["", "<Type/>"] {
        let document = with("<Type>password</Type>", type_);
        let spec = one_warning(&document, "a Credential has no Type, and is taken for a password");
        assert_eq!(spec.credentials.len(), 1);
        strict_refuses(document, "by the schema, `Type` must");
    }
}
