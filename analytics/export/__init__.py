"""Everything that a filter shows, as files: CSV, Parquet, Excel, the texts of calls, vCon.

An export never looks at one page. First the answer of one state of the warehouse is put into files of its own
(`frozen`); what leaves is made from these, piece by piece: memory stays bounded, and no later change is mixed in.
"""
