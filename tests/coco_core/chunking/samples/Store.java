package acme.store;

import java.util.List;
import static java.util.Map.entry;

/** Keeps items. */
@Component
public class Store<T> extends Base implements Closeable {
    private static final int MAX = 10;

    public Store(int size) {
        super(size);
    }

    /** Finds one. */
    @Override
    public <R> R find(String id) throws IOException {
        int local = 1;
        return null;
    }

    interface Listener {
        void changed(int id);
    }

    enum Level {
        LOW, HIGH;

        Level next() { return HIGH; }
    }

    record Entry(String id, int value) {
        Entry {
        }
    }
}

@interface Fast {
    int value() default 1;
}
