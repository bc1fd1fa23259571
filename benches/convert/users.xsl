<?xml version="1.0" encoding="UTF-8"?>
<!-- What a stylesheet can do of the converter's work: a Secret and a KeycloakUser for each user, every text in quotes.
     It makes no names of objects, and checks nothing. -->
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
  <xsl:output method="text" encoding="UTF-8"/>
  <xsl:strip-space elements="*"/>

  <xsl:template match="/Users">
    <xsl:apply-templates select="User"/>
  </xsl:template>

  <xsl:template match="User">
    <xsl:variable name="name" select="translate(Username, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz')"/>
    <xsl:text>---&#10;apiVersion: v1&#10;kind: Secret&#10;metadata:&#10;  name: "kcuser-</xsl:text>
    <xsl:value-of select="$name"/>
    <xsl:text>"&#10;type: Opaque&#10;stringData:&#10;  password: </xsl:text>
    <xsl:call-template name="quoted"><xsl:with-param name="text" select="Credentials/Credential/Value"/></xsl:call-template>
    <xsl:text>---&#10;apiVersion: keycloakuser.dev/v1alpha1&#10;kind: KeycloakUser&#10;metadata:&#10;  name: "</xsl:text>
    <xsl:value-of select="$name"/>
    <xsl:text>"&#10;spec:&#10;  username: </xsl:text>
    <xsl:call-template name="quoted"><xsl:with-param name="text" select="Username"/></xsl:call-template>
    <xsl:text>  firstName: </xsl:text>
    <xsl:call-template name="quoted"><xsl:with-param name="text" select="FirstName"/></xsl:call-template>
    <xsl:text>  lastName: </xsl:text>
    <xsl:call-template name="quoted"><xsl:with-param name="text" select="LastName"/></xsl:call-template>
    <xsl:text>  email: </xsl:text>
    <xsl:call-template name="quoted"><xsl:with-param name="text" select="Email"/></xsl:call-template>
    <xsl:text>  emailVerified: </xsl:text>
    <xsl:value-of select="EmailVerified"/>
    <xsl:text>&#10;  enabled: </xsl:text>
    <xsl:value-of select="Enabled"/>
    <xsl:text>&#10;  attributes:&#10;</xsl:text>
    <xsl:for-each select="Attributes/Attribute">
      <xsl:text>  - name: </xsl:text>
      <xsl:call-template name="quoted"><xsl:with-param name="text" select="Name"/></xsl:call-template>
      <xsl:text>    values:&#10;</xsl:text>
      <xsl:for-each select="Values/Value">
        <xsl:text>    - </xsl:text>
        <xsl:call-template name="quoted"><xsl:with-param name="text" select="."/></xsl:call-template>
      </xsl:for-each>
    </xsl:for-each>
    <xsl:text>  credentials:&#10;  - type: password&#10;    temporary: </xsl:text>
    <xsl:value-of select="Credentials/Credential/Temporary"/>
    <xsl:text>&#10;    valueFrom:&#10;      secretKeyRef:&#10;        name: "kcuser-</xsl:text>
    <xsl:value-of select="$name"/>
    <xsl:text>"&#10;        key: password&#10;</xsl:text>
  </xsl:template>

  <!-- In single quotes, in which only the quote itself is doubled. -->
  <xsl:template name="quoted">
    <xsl:param name="text"/>
    <xsl:text>'</xsl:text>
    <xsl:call-template name="doubled"><xsl:with-param name="text" select="$text"/></xsl:call-template>
    <xsl:text>'&#10;</xsl:text>
  </xsl:template>

  <xsl:template name="doubled">
    <xsl:param name="text"/>
    <xsl:choose>
      <xsl:when test='contains($text, "&apos;")'>
        <xsl:value-of select='substring-before($text, "&apos;")'/>
        <xsl:text>''</xsl:text>
        <xsl:call-template name="doubled">
          <xsl:with-param name="text" select='substring-after($text, "&apos;")'/>
        </xsl:call-template>
      </xsl:when>
      <xsl:otherwise><xsl:value-of select="$text"/></xsl:otherwise>
    </xsl:choose>
  </xsl:template>
</xsl:stylesheet>
