<?xml version="1.0" encoding="UTF-8"?>
<!-- From a list of staff to the list of users that `convert` reads. -->
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
  <xsl:output method="xml" indent="yes"/>
  <xsl:template match="/staff">
    <Users>
      <xsl:for-each select="person">
        <User>
          <Username><xsl:value-of select="@login"/></Username>
          <FirstName><xsl:value-of select="@given"/></FirstName>
          <LastName><xsl:value-of select="@family"/></LastName>
          <Email><xsl:value-of select="@mail"/></Email>
          <Enabled><xsl:value-of select="@active = 'yes'"/></Enabled>
        </User>
      </xsl:for-each>
    </Users>
  </xsl:template>
</xsl:stylesheet>
