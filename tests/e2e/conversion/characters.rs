//! Every character that XML allows up to U+FFFF, and a sample of those beyond, alone and between letters.

use futures::{StreamExt, stream};
use serde_json::{Value, json};

use super::hostile::{PARALLEL, admitted, assert_has, cut, read_by_python};
use super::{convert, converted};
use crate::support::e2e_with;

const VALUES: usize = 64;
const ATTRIBUTES: usize = 32;
/// One of so many characters beyond U+FFFF.
const SAMPLE: usize = 257;

fn characters() -> impl Iterator<Item = char> {
    let plane = ('\t'..='\u{fffd}').filter(|c| *c >= ' ' || "\t\n\r".contains(*c));
    plane.chain(('\u{10000}'..=char::MAX).step_by(SAMPLE))
}

/// As it stands in XML; a return would be read as a line feed.
fn written(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('\r', "&#13;")
}

/// Users with the values as attributes, and what the API server shall have of them.
fn users(values: &[String]) -> (String, Vec<Value>) {
    let (mut xml, mut expected) = ("<Users>".to_owned(), Vec::new());
    for (number, of_user) in values.chunks(VALUES * ATTRIBUTES).enumerate() {
        let (mut elements, mut attributes) = (String::new(), Vec::new());
        for (number, values) in of_user.chunks(VALUES).enumerate() {
            let texts: String = values.iter().map(|value| format!("<Value>{}</Value>", written(value))).collect();
            elements += &format!("<Attribute><Name>a{number}</Name><Values>{texts}</Values></Attribute>\n");
            attributes.push(json!({ "name": format!("a{number}"), "values": values }));
        }
        xml += &format!(
            "<User><Username>user{number}</Username><Enabled>1</Enabled><Attributes>{elements}</Attributes></User>"
        );
        expected.push(json!({ "spec": { "username": format!("user{number}"), "attributes": attributes } }));
    }
    (xml + "</Users>", expected)
}

#[test]
fn every_character_of_xml_is_read_back_by_the_api_server_and_by_libyaml() {
    e2e_with("every_character_of_xml", json!({}), async |world| {
        let forms = characters().flat_map(|c| [c.to_string(), format!("a{c}b")]);
        let values: Vec<String> = forms.filter(|form| !" \t\n\r".contains(form.as_str())).collect();
        assert!(values.len() > 130_000, "{}", values.len());
        let (xml, expected) = users(&values);
        let output = convert(&["--quiet"], xml.as_bytes());
        let manifests = converted(&output);
        let found = read_by_python("CSafeLoader", manifests);
        assert_eq!(found.len(), expected.len());
        found.iter().zip(&expected).for_each(|(found, expected)| assert_has(found, expected));
        let documents = cut(std::str::from_utf8(manifests).unwrap());
        let checks = stream::iter(documents.into_iter().zip(&expected)).map(async |(document, expected)| {
            assert_has(&admitted(&world.client, &world.namespace, document).await, expected);
        });
        assert_eq!(checks.buffer_unordered(PARALLEL).count().await, expected.len());
    });
}
