# Writes an export of that many users, the same bytes every time: awk -v users=100000 -f users.awk
# About 634 bytes a user; each keeps the schema.
BEGIN {
  split("Anna Bert Carla David Emma Felix Greta Hans Ida Jonas Karin Lukas Maria Nils Olga Paul", first, " ")
  split("Jürgen Łukasz Čeněk 佐藤 Smith Jones Taylor Brown Wilson Evans Thomas Johnson Roberts Walker Wright Hall", last, " ")
  split("Engineering Sales Support Finance Legal Research Operations Marketing", team, " ")
  print "<?xml version=\"1.0\" encoding=\"UTF-8\"?>"
  print "<Users>"
  for (n = 1; n <= users; n++) {
    f = first[n % 16 + 1]
    l = last[int(n / 16) % 16 + 1]
    t = team[n % 8 + 1]
    printf "\t<User>\n\t\t<Username>%s.%07d</Username>\n\t\t<FirstName>%s</FirstName>\n\t\t<LastName>%s</LastName>\n", f, n, f, l
    printf "\t\t<Email>%s.%07d@example.com</Email>\n\t\t<EmailVerified>%s</EmailVerified>\n\t\t<Enabled>true</Enabled>\n", tolower(f), n, n % 2 ? "true" : "false"
    printf "\t\t<Attributes>\n\t\t\t<Attribute>\n\t\t\t\t<Name>Department</Name>\n\t\t\t\t<Values>\n\t\t\t\t\t<Value>%s</Value>\n", t
    printf "\t\t\t\t\t<Value>Building %d &amp; Annex</Value>\n", n % 40
    printf "\t\t\t\t\t<Value>Cost centre %05d, floor %d</Value>\n\t\t\t\t</Values>\n\t\t\t</Attribute>\n\t\t</Attributes>\n", n % 3000, n % 12
    printf "\t\t<Credentials>\n\t\t\t<Credential>\n\t\t\t\t<Type>password</Type>\n\t\t\t\t<Value>Initial-%07d: &lt;%s&gt;</Value>\n", n * 7919 % 9999991, t
    printf "\t\t\t\t<Temporary>true</Temporary>\n\t\t\t</Credential>\n\t\t</Credentials>\n\t</User>\n"
  }
  print "</Users>"
}
