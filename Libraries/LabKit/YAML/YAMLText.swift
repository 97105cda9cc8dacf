public import LabCore

/// YAML as the values that JSON has, which is all that Compose files, front matter and configurations are made of.
///
/// Scalars are read by YAML 1.2's core schema, as Compose's own parser reads them: `yes` and `no` are text. Anchors,
/// aliases and merge keys (`<<`) are put in place.
public enum YAMLText {
    /// How many values a text may become once its aliases are put in place: a few lines can stand for billions.
    public static let maximumValues = 1_000_000
    /// How deep lists and mappings may stand in each other.
    public static let maximumDepth = 200

    /// The documents of `text`; none where it is empty or has nothing but comments.
    ///
    /// - Throws: ``YAMLError``.
    public static func documents(_ text: String) throws -> [JSONValue] {
        try YAMLEvents.read(text) { events in
            var documents: [JSONValue] = []
            while true {
                switch try events.next().kind {
                case .streamEnd: return documents
                case .documentStart:
                    var composer = YAMLComposer()
                    documents.append(try composer.document(events))
                default: continue
                }
            }
        }
    }
}
